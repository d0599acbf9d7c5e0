"""Lambda functions: built artifacts under the real runtime client, in processes of their own."""
