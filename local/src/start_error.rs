//! Why a stack did not start, and what to do about it.

use crate::data::DataError;
use crate::private_keys::KeyError;
use crate::table::TableError;
use aws_local::http_event::RouteConflict;
use common::config::ConfigError;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(
        "{address} can be reached from other machines, and this server is not made for that: its mailbox and its demo \
         sign-in are open to everybody. Listen on 127.0.0.1 or [::1]."
    )]
    NotLoopback { address: SocketAddr },
    #[error(
        "{address} is in use, perhaps by another Callaro. Stop that, or choose another port with --listen 127.0.0.1:PORT \
         (and another --data directory if both are to run)."
    )]
    AddressInUse { address: SocketAddr },
    #[error("cannot listen on {address}: {source}. Choose another address with --listen.")]
    Listen { address: SocketAddr, source: io::Error },
    #[error(transparent)]
    Data(#[from] DataError),
    #[error(transparent)]
    Table(#[from] TableError),
    #[error(transparent)]
    Keys(#[from] KeyError),
    #[error("the configuration is not valid: {0}")]
    Configuration(#[from] ConfigError),
    #[error("two functions answer the same requests: {0}. Change the path of one.")]
    Routes(#[from] RouteConflict),
    #[error("there is no binary {}. Build the functions first, with cargo build --workspace --bins.", path.display())]
    NoBinary { path: PathBuf },
}
