//! Other people's servers and clients judge this suite.

mod pairs;
mod smoke;
