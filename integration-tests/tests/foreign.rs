//! Other people's servers and clients judge this suite.

mod clients;
mod pairs;
mod python;
mod smoke;
mod through;
