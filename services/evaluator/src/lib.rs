//! The evaluator service
