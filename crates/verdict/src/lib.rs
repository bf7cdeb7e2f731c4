//! Verdicts, their evidence, and the life of a finding
