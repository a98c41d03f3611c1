//! Other people's servers and clients judge this suite.

mod smoke;
