"""What the emulators of single AWS services have in common: shapes, errors, CloudFormation handlers, an HTTP server."""
