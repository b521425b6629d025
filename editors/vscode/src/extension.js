/** The extension: starts the language server, and shows what it renders. */

import * as vscode from "vscode";
import { State } from "vscode-languageclient/node";
import { Client } from "./client.js";
import { Manifests } from "./manifests.js";
import { Unavailable } from "./server.js";

const INSTALLATION = vscode.Uri.parse(
  "https://github.com/llm-d/llm-d-modelservice/blob/main/docs/editors.md#the-language-server",
);

/** @type {Client | undefined} */
let client;

/**
 * Start the language server, and register the commands.
 *
 * @param {vscode.ExtensionContext} context
 */
export async function activate(context) {
  const manifests = new Manifests();
  const files = vscode.workspace.createFileSystemWatcher("**/*.{yaml,yml}");
  const restart = async () => {
    await deactivate();
    await start(manifests, files);
  };
  context.subscriptions.push(
    manifests,
    files,
    vscode.commands.registerCommand("modelservice.restart", restart),
    vscode.commands.registerTextEditorCommand("modelservice.openRendered", (editor) =>
      client?.showManifests(editor.document.uri),
    ),
    vscode.workspace.onDidChangeConfiguration(async (event) => {
      const concerned = ["path", "files"].some((name) => event.affectsConfiguration(`modelservice.${name}`));
      if (concerned) await restart();
    }),
  );
  await start(manifests, files);
}

/** Stop the language server. */
export async function deactivate() {
  const stopped = client;
  client = undefined;
  if (stopped?.needsStop()) await stopped.stop();
  await stopped?.dispose();
}

/**
 * Start the language server; say what to do where it cannot run.
 *
 * @param {Manifests} manifests
 * @param {vscode.FileSystemWatcher} files
 */
async function start(manifests, files) {
  const settings = vscode.workspace.getConfiguration("modelservice");
  const folders = (vscode.workspace.workspaceFolders ?? []).map((folder) => folder.uri.fsPath);
  /** @type {string[]} */
  const patterns = settings.get("files", []);
  client = new Client(settings.get("path", ""), folders, {
    documentSelector: [
      ...patterns.map((pattern) => ({ scheme: "file", language: "yaml", pattern })),
      { scheme: "untitled", language: "yaml" },
    ],
    synchronize: { fileEvents: files },
    middleware: {
      window: {
        showDocument: async ({ uri }) => {
          await manifests.show(vscode.Uri.parse(uri));
          return { success: true };
        },
      },
    },
  });
  client.onDidChangeState(({ newState }) =>
    vscode.commands.executeCommand("setContext", "modelservice.running", newState === State.Running),
  );
  try {
    await client.start();
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    void explain(error.message);
  }
}

/** @param {string} message */
async function explain(message) {
  const chosen = await vscode.window.showErrorMessage(message, "Open settings", "How to install", "Try again");
  if (chosen === "Open settings") {
    await vscode.commands.executeCommand("workbench.action.openSettings", "modelservice.path");
  } else if (chosen === "How to install") {
    await vscode.env.openExternal(INSTALLATION);
  } else if (chosen === "Try again") {
    await vscode.commands.executeCommand("modelservice.restart");
  }
}
