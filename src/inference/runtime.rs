use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ort::environment::{Environment, GlobalThreadPoolOptions};
use ort::logging::LogLevel;
use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;

use super::error::LoadError;

/// ONNX Runtime, opened once for the whole process, with one thread pool that all models share.
#[derive(Debug)]
pub struct Runtime {
    environment: Environment,
    library: PathBuf,
    threads: usize,
}

/// ONNX Runtime allows one environment per process, ever; so the first one is kept.
static OPEN: Mutex<Option<Arc<Runtime>>> = Mutex::new(None);

/// More threads than this only wait for each other at these model sizes.
const THREADS_MAX: usize = 64;

impl Runtime {
    /// Opens the library, or returns the runtime that is already open from it.
    ///
    /// * `threads`: threads that compute, at least one; the first call in a process decides.
    ///
    /// # Errors
    /// [`LoadError::Library`] where it cannot be opened, [`LoadError::OtherLibrary`] where this
    /// process already uses another one.
    pub fn load(library: &Path, threads: usize) -> Result<Arc<Self>, LoadError> {
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = &*open {
            if runtime.library != library {
                let (open, path) = (runtime.library.clone(), library.to_owned());
                return Err(LoadError::OtherLibrary { open, path });
            }
            return Ok(Arc::clone(runtime));
        }
        let threads = threads.clamp(1, THREADS_MAX);
        let failed = |detail: String| LoadError::Library { path: library.to_owned(), detail };
        let environment = open_environment(library, threads).map_err(failed)?;
        tracing::info!(runtime.threads = threads, "ONNX Runtime is open");
        let runtime = Arc::new(Self { environment, library: library.to_owned(), threads });
        *open = Some(Arc::clone(&runtime));
        Ok(runtime)
    }

    /// The version in the library's file name, such as `1.31.1`; empty where it has none.
    pub fn version(&self) -> &str {
        let name = self.library.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.split_once(".so.").map_or("", |(_, version)| version)
    }

    /// Threads that compute.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// A session on a graph. Its weights stay mapped from disk where kernels do not repack them.
    pub(super) fn session(&self, graph: &Path) -> Result<Session, LoadError> {
        let build = || -> ort::Result<Session> {
            Session::builder(&self.environment)?
                .with_optimization_level(GraphOptimizationLevel::All)?
                .with_deterministic_compute(true)?
                // Shapes change with every request, so a remembered memory plan never fits.
                .with_memory_pattern(false)?
                .with_log_level(LogLevel::Error)?
                .commit_from_file(graph)
        };
        build().map_err(|source| LoadError::Graph { path: graph.to_owned(), source })
    }
}

fn open_environment(library: &Path, threads: usize) -> Result<Environment, String> {
    let builder = ort::init_from(library).map_err(|e| e.to_string())?;
    let pool = GlobalThreadPoolOptions::default()
        .with_inter_threads(1)
        .and_then(|pool| pool.with_intra_threads(threads))
        .map_err(|e| e.to_string())?;
    builder
        .with_name("affiant")
        .with_telemetry(false)
        .with_global_thread_pool(pool)
        .with_logger(Arc::new(forward))
        .build()
        .inspect(|environment| environment.set_log_level(LogLevel::Warning))
        .map_err(|e| e.to_string())
}

/// ONNX Runtime's messages are about graphs and kernels, never about contents; only warnings and
/// worse are passed on.
fn forward(level: LogLevel, _category: &str, _id: &str, place: &str, message: &str) {
    match level {
        LogLevel::Verbose | LogLevel::Info => {}
        LogLevel::Warning => tracing::warn!(runtime.place = place, "{message}"),
        LogLevel::Error | LogLevel::Fatal => tracing::error!(runtime.place = place, "{message}"),
    }
}
