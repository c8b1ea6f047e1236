//! Meteroid's dialect: `/api/v1/...`, with a bearer key, and errors as `{code, message}`.

mod shapes;
pub(crate) mod add_ons;
pub(crate) mod features;
pub(crate) mod entitlements;
mod elsewhere;
pub(crate) mod subscription;

pub(crate) use elsewhere::is_elsewhere;
