//! Other people's servers and clients judge this suite.

mod clients;
mod pairs;
mod python;
mod resume;
mod smoke;
mod through;
mod tls;
