//! Other people's servers and clients judge this suite.

mod active;
mod clients;
mod encrypted;
mod families;
mod matrix;
mod pairs;
mod private;
mod probing;
mod python;
mod relayed;
mod resume;
mod roster;
mod smoke;
mod through;
mod tls;
