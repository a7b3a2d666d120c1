// The large mail services, and how people write them when a finger slips: as the relay has it.
const services = {
  gmail: "gmial gamil gmai gmal gmil gmaill gmaiil gmqil gnail gmsil gmali gimail ggmail",
  hotmail: "hotmial hotmal hotmai hotmil hotmaill hotamil hotnail homail hormail otmail hotmeil hotmali jotmail",
  outlook: "outlok outloo outlool outlock outllook oulook otlook",
  yahoo: "yaho yahooo yhoo yahho yhaoo yaoo",
  icloud: "icloid iclud icoud iclou iclould",
};
const ends = { con: "com", cm: "com", om: "com", cmo: "com", co: "com", vom: "com", xom: "com", "con.mx": "com.mx", "cm.mx": "com.mx" };

// The address that was probably meant, if that is another: what the relay would ask about, too.
export function meantBy(address) {
  const [, user, name, end] = /^\s*(\S+@)([^\s@.]+)\.([^\s@]+?)\s*$/.exec(address) ?? [], low = name?.toLowerCase();
  const service = Object.keys(services).find((one) => one === low || services[one].split(" ").includes(low));
  if (!service) return;
  const isComOnly = service === "gmail" || service === "icloud";
  let right = Object.hasOwn(ends, end.toLowerCase()) ? ends[end.toLowerCase()] : end.toLowerCase();
  if (isComOnly && service !== low && right === "com.mx") right = "com";
  if (!(isComOnly ? /^com$/ : /^(com|(com?\.)?\w\w)$/).test(right)) return;
  const meant = `${service}.${right}`;
  return meant === `${low}.${end.toLowerCase()}` ? undefined : user + meant;
}
