//! How a process starts, is configured, observed and stopped
