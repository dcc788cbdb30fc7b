//! Virtual actors with named broadcast channels: what an application author imports.
