"""Typical work for a new cluster, so that the classes it needs are in the archives. Started by `appcds.py` only.

Reads and writes CSV, JSON and Parquet, joins, aggregates, sorts, windows, caches, and runs both kinds of Python
function, because each of them loads a few hundred classes of its own. SPARK_REMOTE is the cluster, the argument a
folder to write to.
"""

# No postponed annotations here: Spark reads the types of a pandas function from them.
import sys
from typing import Any

import pandas as pd  # type: ignore[import-untyped,unused-ignore]
from pyspark.sql import SparkSession, Window
from pyspark.sql import functions as f


def main(folder: str) -> None:
    """Does all of it once."""
    spark = SparkSession.builder.getOrCreate()
    rows = spark.range(2000).select(
        "id", (f.col("id") % 7).alias("k"), f.concat(f.lit("n"), f.col("id")).alias("name"), f.rand().alias("x")
    )
    names = spark.createDataFrame(pd.DataFrame({"k": range(7), "title": list("abcdefg")}))
    rows.write.option("header", True).csv(f"{folder}/rows.csv")
    table = spark.read.csv(f"{folder}/rows.csv", header=True, inferSchema=True)
    table.write.parquet(f"{folder}/rows.parquet")
    table.limit(20).write.json(f"{folder}/rows.json")
    spark.read.json(f"{folder}/rows.json").count()
    table = spark.read.parquet(f"{folder}/rows.parquet").cache()
    table.createOrReplaceTempView("t")
    joined = table.join(names, "k").groupBy("title").agg(f.count("*"), f.avg("x"), f.max("name")).orderBy("title")
    joined.show()
    joined.explain()
    joined.toPandas()
    table.withColumn("n", f.row_number().over(Window.partitionBy("k").orderBy("x"))).filter("n < 3").collect()
    table.alias("a").join(table.alias("b").hint("merge"), "id").count()
    spark.sql(
        "select k, count(distinct name), percentile_approx(x, 0.5) from t where name like 'n1%' group by k"
    ).show()
    table.describe().show()

    @f.udf("string")
    def upper(text: str) -> str:
        return text.upper()

    def double(values: pd.Series) -> pd.Series:
        return values * 2

    # By name: the stubs of pyspark leave it out.
    pandas_udf: Any = getattr(f, "pandas_udf")  # noqa: B009
    table.select(upper("name"), pandas_udf(double, "double")("x")).limit(10).collect()
    table.groupBy("k").applyInPandas(lambda group: group.head(1), table.schema).count()
    spark.range(1000).repartition(3).mapInPandas(lambda parts: parts, "id long").count()
    table.unpersist()
    spark.stop()


if __name__ == "__main__":
    main(sys.argv[1])
