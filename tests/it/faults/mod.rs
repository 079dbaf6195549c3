//! What fails, fails safely: nothing is shown that is not on record.

mod failing;
mod imports;
mod log;
mod server;
mod storage;
