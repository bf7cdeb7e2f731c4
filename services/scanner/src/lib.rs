//! The scanner service
