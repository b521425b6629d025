// Starts the language server of values files, and shows the manifests that they render to.
import * as vscode from "vscode";
import { LanguageClient } from "vscode-languageclient/node";

let client: LanguageClient | undefined;

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  context.subscriptions.push(
    vscode.commands.registerCommand("modelservice.openManifests", openManifests),
    vscode.commands.registerCommand("modelservice.restart", restart),
    vscode.workspace.onDidChangeConfiguration((change) =>
      change.affectsConfiguration("modelservice.command") ? restart() : undefined,
    ),
  );
  await start();
}

export async function deactivate(): Promise<void> {
  await client?.stop();
}

async function start(): Promise<void> {
  const [command, ...args] = vscode.workspace.getConfiguration("modelservice").get<string[]>("command") ?? [];
  if (!command) {
    return;
  }
  client = new LanguageClient(
    "modelservice",
    "modelservice",
    { command, args, options: { cwd: vscode.workspace.workspaceFolders?.[0]?.uri.fsPath } },
    {
      documentSelector: [
        { language: "yaml", scheme: "file" },
        { language: "yaml", scheme: "untitled" },
        { language: "helm", scheme: "file", pattern: "**/*values*.{yaml,yml}" },
      ],
      synchronize: { fileEvents: vscode.workspace.createFileSystemWatcher("**/*.{yaml,yml}") },
    },
  );
  try {
    await client.start();
  } catch (error) {
    client = undefined;
    const install = "pip install 'llm-d-modelservice[lsp]'";
    void vscode.window.showErrorMessage(`${command} does not start (${error}). Install it with ${install}, or set modelservice.command.`);
  }
}

async function restart(): Promise<void> {
  await client?.stop();
  client = undefined;
  await start();
}

// The server writes the manifests to a file and keeps it current; the editor reloads a file that changes.
async function openManifests(): Promise<void> {
  const values = vscode.window.activeTextEditor?.document.uri;
  const file = values && (await client?.sendRequest<string | null>("workspace/executeCommand", {
    command: "modelservice.showManifests",
    arguments: [client.code2ProtocolConverter.asUri(values)],
  }));
  if (file) {
    const manifests = await vscode.workspace.openTextDocument(vscode.Uri.parse(file));
    await vscode.window.showTextDocument(manifests, { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true });
  }
}
