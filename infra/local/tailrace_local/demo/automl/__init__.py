"""The local AutoML: trains several models on any CSV, as an AutoML job does, and serves the best.

Imports `tailrace_local.demo.model`, whose server it uses, and nothing else of ours: it runs in the
demo's model environment, with NumPy and scikit-learn only.

    python -m tailrace_local.demo.automl train --job job.json --output FOLDER
    SM_MODEL_DIR=… SAGEMAKER_BIND_TO_PORT=8080 python -m tailrace_local.demo.automl serve
"""
