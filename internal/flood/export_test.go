package flood

// MostBuckets is how many buckets of one generation are remembered.
const MostBuckets = mostBuckets
