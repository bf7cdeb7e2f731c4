//! Real listeners with declared personas, for the demo and the tests.
