// Checks a log with Go's own transparency-log libraries (golang.org/x/mod/sumdb, as Debian ships
// them): the note, every leaf, inclusion, consistency from an older checkpoint, and proof files.
//
//	check LOGDIR VKEY OLDER-CHECKPOINT [PROOF...]
//
// Prints a line that begins with OK, or one that begins with FAIL and exits with 1.
package main

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func fail(why ...interface{}) {
	fmt.Println(append([]interface{}{"FAIL"}, why...)...)
	os.Exit(1)
}

func must(err error) {
	if err != nil {
		fail(err)
	}
}

func read(path string) []byte {
	bytes, err := os.ReadFile(path)
	must(err)
	return bytes
}

// logDir reads tiles as tlog-tiles names them: Go's paths, without the height.
type logDir string

func (dir logDir) Height() int { return 8 }

func (dir logDir) path(tile tlog.Tile) string {
	path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
	return string(dir) + "/" + strings.Replace(path, "tile/data/", "tile/entries/", 1)
}

func (dir logDir) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var data [][]byte
	for _, tile := range tiles {
		bytes, err := os.ReadFile(dir.path(tile))
		if err != nil {
			return nil, err
		}
		data = append(data, bytes)
	}
	return data, nil
}

func (dir logDir) SaveTiles([]tlog.Tile, [][]byte) {}

// checkpoint opens a signed checkpoint and returns the tree that it states.
func checkpoint(bytes []byte, verifier note.Verifier) tlog.Tree {
	signed, err := note.Open(bytes, note.VerifierList(verifier))
	must(err)
	lines := strings.Split(signed.Text, "\n")
	if len(lines) < 4 || lines[0] != verifier.Name() {
		fail("not a checkpoint of", verifier.Name())
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err)
	root, err := tlog.ParseHash(lines[2])
	must(err)
	return tlog.Tree{N: size, Hash: root}
}

// entries returns every entry of a log of this size.
func entries(dir logDir, size int64) [][]byte {
	var all [][]byte
	for first := int64(0); first < size; first += 256 {
		bundle := tlog.Tile{H: 8, L: -1, N: first / 256, W: 256}
		if size-first < 256 {
			bundle.W = int(size - first)
		}
		bytes := read(dir.path(bundle))
		for count := 0; count < bundle.W; count++ {
			if len(bytes) < 2 || len(bytes)-2 < int(binary.BigEndian.Uint16(bytes)) {
				fail("bundle", bundle.N, "ends inside an entry")
			}
			length := int(binary.BigEndian.Uint16(bytes))
			all = append(all, bytes[2:2+length])
			bytes = bytes[2+length:]
		}
		if len(bytes) != 0 {
			fail("bundle", bundle.N, "has more than its entries")
		}
	}
	return all
}

// proof checks a C2SP tlog-proof of one of the entries; returns the entry's index.
func proof(bytes []byte, all [][]byte, verifier note.Verifier) int64 {
	parts := strings.SplitN(string(bytes), "\n\n", 2)
	lines := strings.Split(parts[0], "\n")
	if len(parts) != 2 || len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" {
		fail("not a proof")
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
	must(err)
	var path tlog.RecordProof
	for _, line := range lines[2:] {
		hash, err := base64.StdEncoding.DecodeString(line)
		must(err)
		var fixed tlog.Hash
		if copy(fixed[:], hash) != len(fixed) || len(hash) != len(fixed) {
			fail("a hash of the proof is no hash")
		}
		path = append(path, fixed)
	}
	if index < 0 || index >= int64(len(all)) {
		fail("the proof is of no entry")
	}
	tree := checkpoint([]byte(parts[1]), verifier)
	must(tlog.CheckRecord(path, tree.N, tree.Hash, index, tlog.RecordHash(all[index])))
	return index
}

func main() {
	if len(os.Args) < 4 {
		fail("usage: check LOGDIR VKEY OLDER-CHECKPOINT [PROOF...]")
	}
	dir := logDir(os.Args[1])
	verifier, err := note.NewVerifier(strings.TrimSpace(string(read(os.Args[2]))))
	must(err)
	today := checkpoint(read(string(dir)+"/checkpoint"), verifier)
	older := checkpoint(read(os.Args[3]), verifier)
	// Every hash that comes out of this reader was proved to lead to today's root.
	hashes := tlog.TileHashReader(today, dir)
	all := entries(dir, today.N)
	for index, entry := range all {
		stored, err := hashes.ReadHashes([]int64{tlog.StoredHashIndex(0, int64(index))})
		must(err)
		if stored[0] != tlog.RecordHash(entry) {
			fail("leaf", index)
		}
		path, err := tlog.ProveRecord(today.N, int64(index), hashes)
		must(err)
		must(tlog.CheckRecord(path, today.N, today.Hash, int64(index), stored[0]))
	}
	path, err := tlog.ProveTree(today.N, older.N, hashes)
	must(err)
	must(tlog.CheckTree(path, today.N, today.Hash, older.N, older.Hash))
	for _, name := range os.Args[4:] {
		proof(read(name), all, verifier)
	}
	fmt.Println("OK", len(all), "entries,", older.N, "->", today.N, "and", len(os.Args)-4, "proofs")
}
