//! Meteroid's dialect: `/api/v1/...`, with a bearer key, and errors as `{code, message}`.

pub(crate) mod add_ons;
mod elsewhere;
pub(crate) mod entitlements;
pub(crate) mod features;
mod shapes;
pub(crate) mod subscription;

pub(crate) use elsewhere::is_elsewhere;
