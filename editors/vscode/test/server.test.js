/** The extension's way to the language server: the program is found, started, and answers a client. */

import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import {
  DidChangeTextDocumentNotification,
  DidOpenTextDocumentNotification,
  ExecuteCommandRequest,
  InitializeRequest,
  InitializedNotification,
  PublishDiagnosticsNotification,
  ShowDocumentRequest,
  StreamMessageReader,
  StreamMessageWriter,
  createProtocolConnection,
} from "vscode-languageserver-protocol/node";
import { INSTALL, Server, Unavailable, program } from "../src/server.js";

const MODELSERVICE = process.env.MODELSERVICE ?? "modelservice";
const WITHOUT_EXTRA = process.env.MODELSERVICE_WITHOUT_EXTRA ?? "";
const folder = mkdtempSync(join(tmpdir(), "modelservice-vscode-"));
after(() => rmSync(folder, { recursive: true }));

/** @param {string[]} parts */
function installed(...parts) {
  const file = join(folder, ...parts);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, "#!/bin/sh\n");
  chmodSync(file, 0o755);
  return file;
}

test("the program of the settings comes first, then the environment of the folder, then PATH", () => {
  const workspace = join(folder, "workspace");
  const PATH = join(folder, "bin");
  const onPath = installed("bin", "modelservice");
  assert.equal(program("", [workspace], { PATH }), onPath);
  const local = installed("workspace", ".venv", "bin", "modelservice");
  assert.equal(program("", [workspace], { PATH }), local);
  const other = installed("workspace", "tools", "modelservice");
  assert.equal(program("tools/modelservice", [workspace], { PATH }), other);
  assert.equal(program(onPath, [workspace], { PATH }), onPath);
  assert.equal(program("modelservice", [workspace], { PATH }), onPath);
});

for (const [setting, named] of [["", ".venv"], ["/nowhere/modelservice", "/nowhere/modelservice"], [folder, folder]]) {
  test(`a missing program is explained: ${setting || "no setting"}`, () => {
    assert.throws(
      () => program(setting, [join(folder, "empty")], { PATH: join(folder, "empty") }),
      (error) =>
        error instanceof Unavailable &&
        error.message.includes(named) &&
        error.message.includes("modelservice.path") &&
        error.message.includes(INSTALL),
    );
  });
}

test("a server without the extra lsp is explained", async () => {
  const failure = await new Server(WITHOUT_EXTRA, folder).failure();
  assert.match(failure.message, /needs the Python package (pygls|lsprotocol)/);
  assert.ok(failure.message.includes(INSTALL));
});

test("a program that cannot be started is explained", async () => {
  const file = join(folder, "text");
  writeFileSync(file, "not a program");
  assert.match((await new Server(file, folder).failure()).message, /EACCES/);
});

test("a values file is checked, and what it renders to is shown and follows it", async () => {
  const server = new Server(MODELSERVICE, folder);
  const connection = createProtocolConnection(
    new StreamMessageReader(server.process.stdout),
    new StreamMessageWriter(server.process.stdin),
  );
  const uri = pathToFileURL(join(folder, "values.yaml")).href;
  /** @type {Messages<import("vscode-languageserver-protocol").PublishDiagnosticsParams>} */
  const diagnostics = new Messages();
  /** @type {Messages<import("vscode-languageserver-protocol").ShowDocumentParams>} */
  const shown = new Messages();
  connection.onNotification(PublishDiagnosticsNotification.type, (message) => diagnostics.add(message));
  connection.onRequest(ShowDocumentRequest.type, (message) => (shown.add(message), { success: true }));
  connection.listen();
  await connection.sendRequest(InitializeRequest.type, {
    processId: process.pid,
    rootUri: pathToFileURL(folder).href,
    capabilities: { window: { showDocument: { support: true } } },
  });
  await connection.sendNotification(InitializedNotification.type, {});

  const values = "modelArtifacts: {name: tiny}\ndecode:\n  replicas: 3\n";
  await connection.sendNotification(DidOpenTextDocumentNotification.type, {
    textDocument: { uri, languageId: "yaml", version: 1, text: values.replace("replicas", "replcas") },
  });
  const { diagnostics: mistakes } = await diagnostics.next((message) => message.diagnostics.length > 0);
  const mistake = mistakes.find(({ message }) => String(message).includes("replcas"));
  assert.deepEqual(mistake?.range, { start: { line: 2, character: 2 }, end: { line: 2, character: 9 } });

  /** @param {number} version @param {string} text */
  const type = async (version, text) => {
    const textDocument = { uri, version };
    await connection.sendNotification(DidChangeTextDocumentNotification.type, { textDocument, contentChanges: [{ text }] });
    await diagnostics.next((message) => message.version === version);
  };
  await type(2, values);
  await connection.sendRequest(ExecuteCommandRequest.type, {
    command: "modelservice.showManifests",
    arguments: [uri],
  });
  const file = fileURLToPath((await shown.next(() => true)).uri);
  assert.match(readFileSync(file, "utf8"), /replicas: 3/);
  await type(3, values.replace("3", "5"));
  while (!readFileSync(file, "utf8").includes("replicas: 5")) await new Promise((wait) => setTimeout(wait, 20));

  await connection.sendRequest("shutdown");
  await connection.sendNotification("exit");
  await server.closed;
  assert.equal(server.process.exitCode, 0, server.log);
});

/**
 * Messages of the server, in their order.
 *
 * @template Message
 */
class Messages {
  constructor() {
    /** @type {Message[]} */
    this.received = [];
    this.arrived = () => {};
  }

  /** @param {Message} message */
  add(message) {
    this.received.push(message);
    this.arrived();
  }

  /**
   * Return the next message of a kind.
   *
   * @param {(message: Message) => boolean} wanted
   */
  async next(wanted) {
    for (;;) {
      const message = this.received.shift();
      if (message && wanted(message)) return message;
      if (!message) await new Promise((done) => (this.arrived = () => done(undefined)));
    }
  }
}
