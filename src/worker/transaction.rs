//! A transaction of a Durable Object's database, which `worker` does not offer.

use crate::js;
use mayuse_dialects::ApiError;
use worker::js_sys::Reflect;
use worker::wasm_bindgen::JsValue;
use worker::wasm_bindgen::closure::ScopedClosure;
use worker::{State, console_error};

/// The platform's own handle of the database.
#[derive(Clone, Debug)]
pub struct Storage(JsValue);

impl Storage {
    /// The storage of a Durable Object, and the object's state itself again.
    pub fn of(state: State) -> (Storage, State) {
        let state = state._inner();
        let storage = Reflect::get(&state, &"storage".into()).unwrap_or(JsValue::UNDEFINED);
        (Storage(storage), State::from(state))
    }

    /// Runs `write` in a transaction: all of it stands or, after a failure, none of it.
    ///
    /// # Errors
    /// Those of `write`, and whatever the database has against the commit.
    pub fn transaction<T>(&self, mut write: impl FnMut() -> Result<T, ApiError>) -> Result<T, ApiError> {
        let mut written = None;
        self.run(&mut || write().map(|value| written = Some(value)))?;
        written.ok_or_else(not_stored)
    }

    fn run(&self, write: &mut dyn FnMut() -> Result<(), ApiError>) -> Result<(), ApiError> {
        let mut outcome: Option<Result<(), ApiError>> = None;
        let mut step = || -> Result<JsValue, JsValue> {
            let written = write();
            // What is thrown rolls the transaction back.
            let thrown = if written.is_ok() { Ok(JsValue::UNDEFINED) } else { Err(JsValue::from("rolled back")) };
            outcome = Some(written);
            thrown
        };
        let committed = {
            let step: ScopedClosure<'_, dyn FnMut() -> Result<JsValue, JsValue>> =
                ScopedClosure::borrow_mut_assert_unwind_safe(&mut step);
            js::call(&self.0, "transactionSync", step.as_ref())
        };
        match (outcome, committed) {
            (Some(Err(failure)), _) => Err(failure),
            (Some(Ok(())), Ok(_)) => Ok(()),
            (_, committed) => {
                let thrown = committed.err().unwrap_or_default();
                console_error!("a transaction was not committed: {}", js::said(&thrown));
                Err(not_stored())
            }
        }
    }

    /// Has the object woken at an instant, in milliseconds since 1970, in place of any other. What was
    /// written in the same turn is kept together with it.
    pub fn wake_at(&self, ms: i64) -> Result<(), ApiError> {
        let set = js::call(&self.0, "setAlarm", &JsValue::from_f64(ms as f64));
        set.map(|_| ()).map_err(|thrown| {
            console_error!("the alarm cannot be set: {}", js::said(&thrown));
            ApiError::internal("the write could not be kept")
        })
    }
}

fn not_stored() -> ApiError {
    ApiError::internal("the write could not be stored; nothing of it was kept")
}
