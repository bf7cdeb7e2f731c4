//! The two engines of one machine: fetch, configure, start and stop
