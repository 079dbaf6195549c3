//! The HTTP server over a test's home, on a port of its own.

use std::marker::PhantomData;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread::JoinHandle;

use actix_web::dev::ServerHandle;
use affiant::app::{Tls, bind};
use affiant::govern::Governor;

use super::client::Client;
use super::patiently;
use super::test_app::TestApp;

/// A running server; it stops before its home closes.
pub(crate) struct Server<'a> {
    pub(crate) url: String,
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
    /// A part that only the home and its server hold.
    governor: Arc<Governor>,
    home: PhantomData<&'a TestApp>,
}

impl TestApp {
    /// Serves plain HTTP on loopback.
    pub(crate) fn serve(&self) -> Server<'_> {
        self.serve_with(&Tls::Plain)
    }

    /// Serves on loopback, protected like this.
    pub(crate) fn serve_with(&self, tls: &Tls) -> Server<'_> {
        self.serve_at("127.0.0.1:0".parse().unwrap(), tls)
    }

    /// Serves at this address, protected like this.
    pub(crate) fn serve_at(&self, listen: SocketAddr, tls: &Tls) -> Server<'_> {
        let (app, engine, tls) = (self.shared(), self.engine(), tls.clone());
        let (tell, told) = channel();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async {
                let serving = bind(&app, &engine, listen, &tls).unwrap();
                tell.send((serving.url, serving.handle)).unwrap();
                serving.server.await.unwrap();
            });
        });
        let (url, handle) = told.recv().expect("the server starts");
        let governor = Arc::clone(&self.open().governor);
        Server { url, handle, thread: Some(thread), governor, home: PhantomData }
    }
}

impl Server<'_> {
    /// A client that shows nothing.
    pub(crate) fn client(&self) -> Client {
        Client::new(&self.url)
    }

    /// A client with a session.
    pub(crate) fn signed_in(&self, name: &str) -> Client {
        let mut client = self.client();
        client.sign_in(name);
        client
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        drop(self.handle.stop(true));
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
        // Workers let go of the home a moment after the server has ended.
        patiently("the end of the workers", || {
            (Arc::strong_count(&self.governor) == 2).then_some(())
        });
    }
}
