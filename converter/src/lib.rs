//! Turns trained networks into `.mote` files.
#![deny(unsafe_code)]

pub mod bench;
pub mod boards;
pub mod cli;
pub mod data;
pub mod emit;
pub mod execute;
pub mod import;
pub mod inspect;
pub mod ir;
pub mod passes;
pub mod plan;
pub mod quantize;
pub mod validate;
