//! Address blocks times ports as a permuted index; leases and slices
