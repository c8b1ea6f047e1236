//! Transactions of a Durable Object's database, which `worker` does not support.

use crate::js;
use mayuse_dialects::ApiError;
use worker::js_sys::Reflect;
use worker::wasm_bindgen::JsValue;
use worker::wasm_bindgen::closure::ScopedClosure;
use worker::{State, console_error};

/// The platform's handle of the storage.
#[derive(Clone, Debug)]
pub struct Storage(JsValue);

impl Storage {
    /// Extracts the storage from the state, and returns both.
    pub fn of(state: State) -> (Storage, State) {
        let state = state._inner();
        let storage = Reflect::get(&state, &"storage".into()).unwrap_or(JsValue::UNDEFINED);
        (Storage(storage), State::from(state))
    }

    /// Runs `write` in a transaction, which is rolled back if it fails.
    ///
    /// # Errors
    /// The errors of `write` and of the commit.
    pub fn transaction<T>(&self, mut write: impl FnMut() -> Result<T, ApiError>) -> Result<T, ApiError> {
        let mut written = None;
        self.run(&mut || write().map(|value| written = Some(value)))?;
        written.ok_or_else(not_stored)
    }

    fn run(&self, write: &mut dyn FnMut() -> Result<(), ApiError>) -> Result<(), ApiError> {
        let mut outcome: Option<Result<(), ApiError>> = None;
        let mut step = || -> Result<JsValue, JsValue> {
            let written = write();
            // An exception rolls the transaction back.
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

    /// Sets the alarm to a time in milliseconds since 1970 and replaces an earlier one. The alarm is stored
    /// atomically with the writes of the same turn.
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
