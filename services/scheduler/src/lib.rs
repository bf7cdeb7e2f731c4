//! The scheduler service
