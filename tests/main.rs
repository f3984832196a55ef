//! The one test binary of the workspace. Its modules are the table of contents.

mod conversation;
