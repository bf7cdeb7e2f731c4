//! The recorder service
