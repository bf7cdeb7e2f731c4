//! Security advisories of every format as one bulletin
