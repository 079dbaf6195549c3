//! From a file to an answer, and every way it may end.

mod answering;
mod ingesting;
mod rebuilding;
mod relabelling;
mod replaying;
mod unpacking;
mod walls;
mod withdrawing;
