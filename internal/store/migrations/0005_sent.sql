-- The fingerprint of what the attempt sends: digests of whom to reach and of
-- the message, so that it is known in EasyBroker's list though the lead or its
-- site's template has changed since. NULL for an attempt that was begun before
-- there were any. It must go when the person does: whoever knows an address or
-- a number can tell that it was there.
ALTER TABLE attempts ADD COLUMN sent BLOB;
