//! A component as Rust people write one: its exports by wit-bindgen, its requests by wstd, which speaks wasi:http 0.2.

use std::time::Duration;

use futures_lite::stream;
use wstd::http::{Body, BodyExt, Client, Error, Request};
use wstd::runtime::block_on;

wit_bindgen::generate!({ world: "client", path: "wit" });

struct Component;

impl Guest for Component {
    fn fetch(url: String) -> Result<(u16, String), String> {
        block_on(async {
            let answer = Client::new().send(Request::get(url).body(())?).await?;
            let status = answer.status().as_u16();
            Ok((status, answer.into_body().str_contents().await?.to_string()))
        })
        .map_err(told)
    }

    fn post(url: String, text: String, name: String, value: String) -> Result<String, String> {
        block_on(async {
            let request = Request::post(url).header(name, value).body(text)?;
            let answer = Client::new().send(request).await?;
            Ok(answer.into_body().str_contents().await?.to_string())
        })
        .map_err(told)
    }

    fn pour(url: String, blocks: u32, patience: u32) -> Result<(u16, u64), String> {
        block_on(async {
            let body = Body::from_stream(stream::iter((0..blocks).map(|_| vec![0u8; 65536])));
            let mut client = Client::new();
            if patience > 0 {
                client.set_first_byte_timeout(Duration::from_millis(patience.into()));
            }
            let answer = client.send(Request::post(url).body(body)?).await?;
            let status = answer.status().as_u16();
            let mut body = answer.into_body().into_boxed_body();
            let mut size = 0;
            while let Some(frame) = body.frame().await {
                size += frame?.data_ref().map_or(0, |data| data.len() as u64);
            }
            Ok((status, size))
        })
        .map_err(told)
    }
}

fn told(error: Error) -> String {
    format!("{error:?}").lines().next().unwrap_or_default().to_string()
}

export!(Component);
