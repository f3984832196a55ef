//! Sotto tests.
