"""Error of depth maps: metrics, alignments, protocols, data sets and reports."""
