/** Refusals of the storage services, with the codes and texts of "Blob service error codes" and "Common REST API error codes" (learn.microsoft.com/rest/api/storageservices). */

export interface StorageErrorDetails {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  /** Extra elements of the XML body, such as `HeaderName`. */
  readonly elements?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
}

export class StorageError extends Error {
  readonly details: StorageErrorDetails;

  constructor(details: StorageErrorDetails) {
    super(`${details.code}: ${details.message}`);
    this.name = 'StorageError';
    this.details = details;
  }
}

function error(
  status: number,
  code: string,
  message: string,
  extra: Pick<StorageErrorDetails, 'elements' | 'headers'> = {},
): StorageError {
  return new StorageError({ status, code, message, ...extra });
}

export const storageErrors = {
  authenticationFailed: (detail?: string) =>
    error(
      403,
      'AuthenticationFailed',
      'Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly including the signature.',
      detail === undefined ? {} : { elements: { AuthenticationErrorDetail: detail } },
    ),
  invalidToken: (wwwAuthenticate: string, detail: string) =>
    error(
      401,
      'InvalidAuthenticationInfo',
      'Server failed to authenticate the request. Please refer to the information in the www-authenticate header.',
      {
        headers: { 'www-authenticate': wwwAuthenticate },
        elements: { AuthenticationErrorDetail: detail },
      },
    ),
  noAuthenticationInformation: (wwwAuthenticate: string) =>
    error(
      401,
      'NoAuthenticationInformation',
      'Server failed to authenticate the request. Please refer to the information in the www-authenticate header.',
      { headers: { 'www-authenticate': wwwAuthenticate } },
    ),
  permissionMismatch: () =>
    error(
      403,
      'AuthorizationPermissionMismatch',
      'This request is not authorized to perform this operation using this permission.',
    ),
  serviceMismatch: () =>
    error(
      403,
      'AuthorizationServiceMismatch',
      'This request is not authorized to perform this operation using this service.',
    ),
  resourceTypeMismatch: () =>
    error(
      403,
      'AuthorizationResourceTypeMismatch',
      'This request is not authorized to perform this operation using this resource type.',
    ),
  sourceIpMismatch: () =>
    error(
      403,
      'AuthorizationSourceIPMismatch',
      'This request is not authorized to perform this operation using this source IP.',
    ),
  blobOverwriteRefused: () =>
    error(
      403,
      'UnauthorizedBlobOverwrite',
      'This request is not authorized to perform blob overwrites.',
    ),
  blobNotFound: () => error(404, 'BlobNotFound', 'The specified blob does not exist.'),
  containerNotFound: () =>
    error(404, 'ContainerNotFound', 'The specified container does not exist.'),
  blobAlreadyExists: () => error(409, 'BlobAlreadyExists', 'The specified blob already exists.'),
  invalidBlobType: () =>
    error(409, 'InvalidBlobType', 'The blob type is invalid for this operation.'),
  snapshotsPresent: () =>
    error(
      409,
      'SnapshotsPresent',
      'This operation is not permitted because the blob has snapshots.',
    ),
  invalidOperationOnSnapshot: () =>
    error(400, 'InvalidOperation', 'Invalid operation against a blob snapshot.'),
  conditionNotMet: (isRead: boolean) =>
    error(
      isRead ? 304 : 412,
      'ConditionNotMet',
      'The condition specified using HTTP conditional header(s) is not met.',
    ),
  sourceConditionNotMet: () =>
    error(
      412,
      'SourceConditionNotMet',
      'The source condition specified using HTTP conditional header(s) is not met.',
    ),
  sequenceNumberConditionNotMet: () =>
    error(
      412,
      'SequenceNumberConditionNotMet',
      'The sequence number condition specified was not met.',
    ),
  sequenceNumberIncrementTooLarge: () =>
    error(
      409,
      'SequenceNumberIncrementTooLarge',
      'The sequence number increment cannot be performed because it would result in overflow of the sequence number.',
    ),
  invalidPageRange: () => error(416, 'InvalidPageRange', 'The page range specified is invalid.'),
  invalidRange: (sizeBytes: number) =>
    error(
      416,
      'InvalidRange',
      'The range specified is invalid for the current size of the resource.',
      {
        headers: { 'content-range': `bytes */${sizeBytes}` },
      },
    ),
  bodyTooLarge: (maxBytes: number) =>
    error(
      413,
      'RequestBodyTooLarge',
      'The request body is too large and exceeds the maximum permissible limit.',
      { elements: { MaxLimit: String(maxBytes) } },
    ),
  missingHeader: (name: string) =>
    error(
      400,
      'MissingRequiredHeader',
      'An HTTP header that is mandatory for this request is not specified.',
      { elements: { HeaderName: name } },
    ),
  missingContentLength: () =>
    error(
      411,
      'MissingContentLengthHeader',
      'Content-Length HTTP header is required for this request.',
    ),
  /** As on Azure, the body repeats the value, whatever is in it. */
  invalidHeader: (name: string, value: string) =>
    error(
      400,
      'InvalidHeaderValue',
      'The value for one of the HTTP headers is not in the correct format.',
      { elements: { HeaderName: name, HeaderValue: value } },
    ),
  invalidQueryParameter: (name: string, value: string, reason: string) =>
    error(
      400,
      'InvalidQueryParameterValue',
      'Value for one of the query parameters specified in the request URI is invalid.',
      { elements: { QueryParameterName: name, QueryParameterValue: value, Reason: reason } },
    ),
  outOfRangeQueryParameter: (name: string, value: string, minimum: string, maximum: string) =>
    error(
      400,
      'OutOfRangeQueryParameterValue',
      'One of the query parameters specified in the request URI is outside the permissible range.',
      {
        elements: {
          QueryParameterName: name,
          QueryParameterValue: value,
          MinimumAllowed: minimum,
          MaximumAllowed: maximum,
        },
      },
    ),
  invalidUri: () =>
    error(400, 'InvalidUri', 'The requested URI does not represent any resource on the server.'),
  invalidMetadata: () =>
    error(
      400,
      'InvalidMetadata',
      'The specified metadata is invalid. It includes characters that are not permitted.',
    ),
  md5Mismatch: (user: string, server: string) =>
    error(
      400,
      'Md5Mismatch',
      'The MD5 value specified in the request did not match with the MD5 value calculated by the server.',
      { elements: { UserSpecifiedMd5: user, ServerCalculatedMd5: server } },
    ),
  invalidMd5: () =>
    error(
      400,
      'InvalidMd5',
      'The MD5 value specified in the request is invalid. MD5 value must be 128 bits and base64-encoded.',
    ),
  crc64Mismatch: (user: string, server: string) =>
    error(
      400,
      'Crc64Mismatch',
      'The CRC64 value specified in the request did not match with the CRC64 value calculated by the server.',
      { elements: { UserSpecifiedCrc: user, ServerCalculatedCrc: server } },
    ),
  bothMd5AndCrc64: () =>
    error(
      400,
      'BothCrc64AndMd5HeaderPresent',
      'Both x-ms-content-crc64 header and Content-MD5 header are present.',
    ),
  previousSnapshotNotFound: () =>
    error(409, 'PreviousSnapshotNotFound', 'The previous snapshot is not found.'),
  previousSnapshotCannotBeNewer: () =>
    error(
      400,
      'PreviousSnapshotCannotBeNewer',
      'The prevsnapshot query parameter value cannot be newer than snapshot query parameter value.',
    ),
  blobGenerationMismatch: () =>
    error(
      409,
      'BlobGenerationMismatch',
      'The previous snapshot is from a different blob generation.',
    ),
  blobOverwritten: () =>
    error(
      409,
      'BlobOverwritten',
      'The blob has been recreated since the previous snapshot was taken.',
    ),
  headerForManagedDisksOnly: () =>
    error(
      400,
      'UnsupportedHeaderForNonManagedDisksAccount',
      'The header x-ms-previous-snapshot-url is supported only for managed disks accounts.',
      { elements: { HeaderName: 'x-ms-previous-snapshot-url' } },
    ),
  pendingCopy: () =>
    error(409, 'PendingCopyOperation', 'There is currently a pending copy operation.'),
  noPendingCopy: () =>
    error(409, 'NoPendingCopyOperation', 'There is currently no pending copy operation.'),
  /** The status follows that of the source: seen as 403, 404, 409 and 500. */
  cannotVerifyCopySource: (status: number, sourceMessage: string) =>
    error(status, 'CannotVerifyCopySource', sourceMessage, {
      elements: { CopySourceStatusCode: String(status), CopySourceErrorMessage: sourceMessage },
    }),
  serverBusy: (message: string) => error(503, 'ServerBusy', message),
  unsupportedOperation: (what: string) =>
    error(501, 'NotImplemented', `The local Azure does not have this operation: ${what}.`),
  lease: (status: 409 | 412, code: string, message: string) => error(status, code, message),
} as const;
