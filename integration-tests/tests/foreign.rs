//! Other people's servers and clients judge this suite.

mod active;
mod agents;
mod behind_proxy;
mod clients;
mod encrypted;
mod families;
mod limits;
mod loopback_v6;
mod matrix;
mod offered;
mod pairs;
mod private;
mod private_relayed;
mod probing;
mod python;
mod ranges;
mod rare;
mod relayed;
mod resume;
mod roster;
mod smoke;
mod through;
mod tls;
