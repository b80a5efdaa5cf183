//! `Plan -> blob`.
