import type { TypedDocumentNode } from '@urql/core';

/** What a document answers. */
export type DocumentType<D> = D extends TypedDocumentNode<infer Data, never> ? Data : D extends TypedDocumentNode<infer Data, infer _> ? Data : never;
