use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use prost::Message as _;

use super::onnx::{
    Attribute, CONTRIB, DimSize, ElementType, Graph, IR_VERSION, KeyValue, Model, Node, OPSET,
    OperatorSet, Tensor, ValueInfo,
};
use crate::durable::{self, Readers};
use crate::inference::Manifest;

/// Weights start at multiples of this, so that they can be mapped and used where they are.
const ALIGNMENT_BYTES: u64 = 64;
/// Smaller tensors stay in the graph, where shape inference can read them.
const INLINE_BYTES_MAX: usize = 1024;

/// Writes a graph and its weights into a folder, tensor by tensor: weights never pile up in memory.
pub(super) struct GraphWriter {
    dir: PathBuf,
    weights: BufWriter<File>,
    offset: u64,
    graph: Graph,
}

/// Where a tensor's bytes are in the weights file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stored {
    offset: u64,
    length: u64,
}

impl GraphWriter {
    pub(super) fn create(dir: &Path, name: &str) -> io::Result<Self> {
        let weights = durable::create_stream(&dir.join(Manifest::WEIGHTS), Readers::Owner)?;
        let graph = Graph { name: name.to_owned(), ..Graph::default() };
        let weights = BufWriter::with_capacity(1 << 20, weights);
        Ok(Self { dir: dir.to_owned(), weights, offset: 0, graph })
    }

    pub(super) fn input(&mut self, name: &str, element: ElementType, dims: &[DimSize]) {
        self.graph.input.push(ValueInfo::new(name, element, dims));
    }

    pub(super) fn output(&mut self, name: &str, element: ElementType, dims: &[DimSize]) {
        self.graph.output.push(ValueInfo::new(name, element, dims));
    }

    /// A standard operator with one output, whose name it returns.
    pub(super) fn standard(&mut self, op: &str, inputs: &[&str], with: Vec<Attribute>) -> String {
        let output = format!("{op}_{}", self.graph.node.len());
        self.node("", op, inputs, &[&output], with);
        output
    }

    /// An operator of ONNX Runtime with one output, whose name it returns.
    pub(super) fn contrib(&mut self, op: &str, inputs: &[&str], with: Vec<Attribute>) -> String {
        let output = format!("{op}_{}", self.graph.node.len());
        self.node(CONTRIB, op, inputs, &[&output], with);
        output
    }

    /// Any operator; an empty input or output name leaves that place out.
    pub(super) fn node(
        &mut self,
        domain: &str,
        op: &str,
        inputs: &[&str],
        outputs: &[&str],
        attribute: Vec<Attribute>,
    ) {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        self.graph.node.push(Node {
            input: names(inputs),
            output: names(outputs),
            name: format!("{op}_{}", self.graph.node.len()),
            op_type: op.to_owned(),
            attribute,
            domain: domain.to_owned(),
        });
    }

    pub(super) fn floats(&mut self, name: &str, dims: &[usize], data: &[f32]) -> io::Result<()> {
        let bytes: Vec<u8> = data.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.tensor(name, ElementType::Float, dims, &bytes).map(|_| ())
    }

    pub(super) fn integers(&mut self, name: &str, data: &[i64]) -> io::Result<()> {
        let bytes: Vec<u8> = data.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.tensor(name, ElementType::Int64, &[data.len()], &bytes).map(|_| ())
    }

    /// Adds a tensor; returns where its bytes are, unless it is small and stays in the graph.
    pub(super) fn tensor(
        &mut self,
        name: &str,
        element: ElementType,
        dims: &[usize],
        bytes: &[u8],
    ) -> io::Result<Option<Stored>> {
        if bytes.len() <= INLINE_BYTES_MAX {
            let mut tensor = declare(name, element, dims);
            tensor.raw_data = Some(bytes.to_vec());
            self.graph.initializer.push(tensor);
            return Ok(None);
        }
        let start = self.offset.next_multiple_of(ALIGNMENT_BYTES);
        let gap = usize::try_from(start - self.offset).unwrap_or(0);
        self.weights.write_all(&vec![0; gap])?;
        self.weights.write_all(bytes)?;
        let stored = Stored { offset: start, length: bytes.len() as u64 };
        self.offset = start + stored.length;
        self.view(name, element, dims, stored);
        Ok(Some(stored))
    }

    /// Adds a tensor that looks at bytes already stored, under another shape.
    pub(super) fn view(&mut self, name: &str, element: ElementType, dims: &[usize], at: Stored) {
        let mut tensor = declare(name, element, dims);
        let pair = |key: &str, value: String| KeyValue { key: key.to_owned(), value };
        tensor.external_data = vec![
            pair("location", Manifest::WEIGHTS.to_owned()),
            pair("offset", at.offset.to_string()),
            pair("length", at.length.to_string()),
        ];
        tensor.data_location = 1;
        self.graph.initializer.push(tensor);
    }

    /// Writes the graph; both files are durable on return.
    pub(super) fn finish(self) -> io::Result<()> {
        let weights = self.weights.into_inner().map_err(io::IntoInnerError::into_error)?;
        durable::sync_file(&weights, &self.dir.join(Manifest::WEIGHTS))?;
        let opset = |domain: &str, version| OperatorSet { domain: domain.to_owned(), version };
        let model = Model {
            ir_version: IR_VERSION,
            producer_name: "affiant".to_owned(),
            producer_version: super::IMPORTER_VERSION.to_string(),
            graph: Some(self.graph),
            opset_import: vec![opset("", OPSET), opset(CONTRIB, 1)],
        };
        let path = self.dir.join(Manifest::GRAPH);
        durable::replace(&path, &model.encode_to_vec(), Readers::Owner)
    }
}

fn declare(name: &str, element: ElementType, dims: &[usize]) -> Tensor {
    Tensor {
        dims: dims.iter().map(|dim| i64::try_from(*dim).unwrap_or(i64::MAX)).collect(),
        data_type: element as i32,
        name: name.to_owned(),
        ..Tensor::default()
    }
}
