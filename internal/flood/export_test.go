package flood

// MaxBuckets is how many buckets one generation holds.
const MaxBuckets = maxBuckets
