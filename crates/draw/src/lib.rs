//! Random selection for audits
