//! Reads objects and pages from the bodies of responses.

use serde::Deserialize;

use super::{
    object::{Decoded, WireObject},
    page::WirePage,
};
use crate::cloud::{CloudClient, HttpResponse, Result, call::ApiCall};

impl CloudClient {
    /// Reads the object in the body of a 2xx.
    pub(in crate::cloud) fn decode_object<S: WireObject>(
        &self,
        call: &ApiCall,
        response: &HttpResponse,
    ) -> Result<S::Domain> {
        self.decode(call, response).map(|Decoded::<S>(object)| object)
    }

    /// Reads the page in the body of a 2xx. One item that cannot be read does not hide the others.
    pub(in crate::cloud) fn decode_page<S: WireObject>(
        &self,
        call: &ApiCall,
        response: &HttpResponse,
    ) -> Result<WirePage<S>> {
        self.decode(call, response).or_else(|error| {
            let text = std::str::from_utf8(&response.body).unwrap_or_default();
            let mut page = WirePage::<S>::decode_items(text).map_err(|_| error)?;
            for (_, why) in &mut page.unreadable {
                *why = self.sanitize_text(format!("the service returned it in a form that cannot be read: {why}"));
            }
            Ok(page)
        })
    }

    /// Reads a value from the body of a 2xx.
    pub(in crate::cloud) fn decode<'a, T: Deserialize<'a>>(
        &self,
        call: &ApiCall,
        response: &'a HttpResponse,
    ) -> Result<T> {
        let text = std::str::from_utf8(&response.body)
            .map_err(|error| self.invalid_response(call, response, &error.to_string()))?;
        serde_json::from_str(text).map_err(|error| self.invalid_response(call, response, &error.to_string()))
    }
}
