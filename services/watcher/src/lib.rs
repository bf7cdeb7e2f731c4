//! The watcher service
