//! Recurrence to instants
