//! The promises of the people side, through the operations and on a real database.

mod access;
mod grants;
mod machines;
mod members;
mod roles;
mod tokens;
