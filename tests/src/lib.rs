//! End-to-end, chaos and bench: the system as a whole
