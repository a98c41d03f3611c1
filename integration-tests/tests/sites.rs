//! Sites of the settings: their places, what holds for them alone, and the verb `sites`.

mod kept;
mod places;
